// What is attached to a message: images as data, texts as text. Nothing of it leaves this tab but to the gateway.

export const MAX_IMAGE_BYTES = 8 << 20;
export const MAX_TEXT_BYTES = 256 << 10;
export const MAX_FILES = 16;
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"];

// One file as {name, url} or {name, text}; an Error whose message is a sentence for whoever attached it.
export async function read(file) {
  if (IMAGES.includes(file.type)) {
    check(file, MAX_IMAGE_BYTES);
    return { name: file.name || "image", url: await dataUrl(file) };
  }
  check(file, MAX_TEXT_BYTES);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    if (!text.includes("\0")) return { name: file.name || "text", text };
  } catch {
    // said below
  }
  throw new Error(`${file.name} is neither text nor an image (PNG, JPEG, GIF, WebP, BMP); attach another file.`);
}

function check(file, most) {
  if (file.size <= most) return;
  throw new Error(`${file.name} has ${size(file.size)}, and at most ${size(most)} can be attached; attach less.`);
}

const size = (bytes) => (bytes < 1 << 20 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 2 ** 20).toFixed(1)} MB`);

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error(`${file.name} cannot be read; attach it again.`));
    reader.readAsDataURL(file);
  });
}

// A turn as OpenAI's content has it: texts in fences that no line of theirs can close.
export function content(turn) {
  const files = turn.files ?? [];
  const texts = files.filter((file) => "text" in file).map((file) => {
    const ticks = file.text.match(/`{3,}/g) ?? [];
    const fence = "`".repeat(Math.max(3, ...ticks.map((run) => run.length + 1)));
    return `File ${file.name}:\n${fence}\n${file.text}\n${fence}\n\n`;
  });
  const text = texts.join("") + turn.text;
  const images = files.filter((file) => file.url);
  if (!images.length) return text;
  return [...images.map(({ url }) => ({ type: "image_url", image_url: { url } })), { type: "text", text }];
}
