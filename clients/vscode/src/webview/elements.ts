// Elements of the chat's page, made by name and never from HTML. Called by main.ts and answer.ts.
//
// Must never set HTML, nor an attribute that runs something.

type Attributes = Readonly<Record<string, string>>;

export function element<Name extends keyof HTMLElementTagNameMap>(name: Name, attributes: Attributes): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  const { className, ...others } = attributes;
  if (className) made.className = className;
  for (const [key, value] of Object.entries(others)) made.setAttribute(key, value);
  return made;
}

export function append(parent: Node, ...children: readonly (Node | string)[]): void {
  for (const child of children) parent.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
}

/** `spoken`: what it does, for people who hear or hover. */
export function button(text: string, spoken: string, act: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", title: spoken, "aria-label": text.length > 1 ? `${text}: ${spoken}` : spoken });
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}
