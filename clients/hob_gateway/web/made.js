// Elements, found and made. Texts become text nodes and never markup. Used by the page's other scripts.

export const $ = (id) => document.getElementById(id);

export function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function button(name, act) {
  return make("button", { type: "button", textContent: name, onclick: act });
}
