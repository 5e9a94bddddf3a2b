// The type of the gateway's Markdown renderer, which is plain JavaScript.
declare module "*/markdown.js" {
  export function render(text: string): DocumentFragment;
}
