// Markdown as a tree of elements. Text of a model only ever becomes text nodes: nothing here parses HTML, and
// no link is followed or image loaded unless a person clicks it. Called by app.js.

const MAX_DEPTH = 8;
const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)/;
const ITEM = /^( *)(?:[-*+]|(\d{1,9})[.)]) +(.*)$/;
const INLINE =
  /(`+)(.+?)\1|\*\*(?=\S)(.+?)\*\*|__(?=\S)(.+?)__|\*(?=\S)([^*]+?)\*|~~(?=\S)(.+?)~~|\[([^\]]+)\]\(([^()\s]+)\)|(https?:\/\/[^\s<>"')\]]+)/;

export function render(text) {
  const root = document.createDocumentFragment();
  blocks(text.replace(/\r\n?/g, "\n").split("\n"), root, 0);
  return root;
}

function blocks(lines, parent, depth) {
  let at = 0;
  while (at < lines.length) at = block(lines, at, parent, depth);
}

// Puts the block that begins at a line into the parent, and says where the next one begins.
function block(lines, at, parent, depth) {
  const line = lines[at];
  if (!line.trim()) return at + 1;
  const fence = line.match(FENCE);
  if (fence) return code(lines, at, parent, fence);
  const heading = line.match(/^(#{1,6})\s+(.*?)\s*#*$/);
  if (heading) {
    inline(heading[2], add(parent, `h${Math.min(6, heading[1].length + 2)}`));
    return at + 1;
  }
  if (/^ {0,3}([-*_])( *\1){2,} *$/.test(line)) {
    add(parent, "hr");
    return at + 1;
  }
  if (depth < MAX_DEPTH && /^ {0,3}>/.test(line)) return quote(lines, at, parent, depth);
  if (depth < MAX_DEPTH && ITEM.test(line)) return list(lines, at, parent, depth);
  if (line.includes("|") && /^\s*\|?[\s:|-]*-[\s:|-]*$/.test(lines[at + 1] ?? "")) return table(lines, at, parent);
  return paragraph(lines, at, parent);
}

function code(lines, at, parent, fence) {
  const close = new RegExp(`^ {0,3}${fence[1][0] === "`" ? "`" : "~"}{${fence[1].length},}\\s*$`);
  let end = at + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  const pre = add(parent, "pre");
  pre.tabIndex = 0; // so that the keyboard can scroll it
  const inner = add(pre, "code");
  inner.textContent = lines.slice(at + 1, end).join("\n");
  if (fence[2]) pre.dataset.language = fence[2];
  return end + 1;
}

function quote(lines, at, parent, depth) {
  let end = at;
  while (end < lines.length && /^ {0,3}>/.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(/^ {0,3}> ?/, ""));
  blocks(inner, add(parent, "blockquote"), depth + 1);
  return end;
}

function list(lines, at, parent, depth) {
  const [, indent, number] = lines[at].match(ITEM);
  const element = add(parent, number === undefined ? "ul" : "ol");
  if (number !== undefined) element.start = Number(number);
  let end = at;
  while (end < lines.length) {
    const item = lines[end].match(ITEM);
    if (!item || item[1].length > indent.length + 1 || item[1].length < indent.length) break;
    const inner = [item[3]];
    end += 1;
    while (end < lines.length && belongs(lines, end, indent.length)) {
      inner.push(lines[end].slice(Math.min(indent.length + 2, lines[end].search(/\S|$/))));
      end += 1;
    }
    const li = add(element, "li");
    if (inner.length === 1) inline(inner[0], li);
    else blocks(inner, li, depth + 1);
  }
  return end;
}

function belongs(lines, at, indent) {
  const line = lines[at];
  if (!line.trim()) return /^\s/.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").search(/\S/) > indent;
  return line.search(/\S/) > indent;
}

function table(lines, at, parent) {
  const element = add(parent, "table");
  const head = add(add(element, "thead"), "tr");
  for (const cell of cells(lines[at])) inline(cell, add(head, "th"));
  const body = add(element, "tbody");
  let end = at + 2;
  for (; end < lines.length && lines[end].includes("|"); end += 1) {
    const row = add(body, "tr");
    for (const cell of cells(lines[end])) inline(cell, add(row, "td"));
  }
  return end;
}

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
}

function paragraph(lines, at, parent) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !/^( {0,3}(#{1,6}\s|>|```|~~~))/.test(lines[end]) && !ITEM.test(lines[end])) end += 1;
  const p = add(parent, "p");
  lines.slice(at, end).forEach((line, index) => {
    if (index) add(p, "br");
    inline(line.trim(), p);
  });
  return end;
}

function inline(text, parent, depth = 0) {
  let rest = text;
  while (rest) {
    const found = depth < MAX_DEPTH ? rest.match(INLINE) : null;
    if (!found) break;
    parent.append(rest.slice(0, found.index));
    span(found, parent, depth);
    rest = rest.slice(found.index + found[0].length);
  }
  parent.append(rest);
}

function span(found, parent, depth) {
  const [whole, , codeText, bold, bold2, italic, struck, label, target, bare] = found;
  if (codeText !== undefined) add(parent, "code").textContent = codeText.trim();
  else if (bold ?? bold2) inline(bold ?? bold2, add(parent, "strong"), depth + 1);
  else if (italic !== undefined) inline(italic, add(parent, "em"), depth + 1);
  else if (struck !== undefined) inline(struck, add(parent, "s"), depth + 1);
  else link(bare ?? target, label ?? bare, whole, parent);
}

// A link says where it leads; any other scheme than http stays the text that it is.
function link(target, label, whole, parent) {
  if (!/^https?:\/\//i.test(target)) {
    parent.append(whole);
    return;
  }
  const a = add(parent, "a");
  a.href = target;
  a.rel = "noopener noreferrer nofollow";
  a.target = "_blank";
  a.title = target;
  a.textContent = label;
}

function add(parent, name) {
  const element = document.createElement(name);
  parent.append(element);
  return element;
}
