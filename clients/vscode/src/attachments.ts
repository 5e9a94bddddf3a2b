// What a person attaches to a question: read once, bounded, and only if nothing excludes it.
//
// Must never take in a file that ignoreFiles.ts excludes, nor write one anywhere. Called by the commands and the
// chat.

import { promises as fs } from "fs";
import { Fault } from "./faults";
import { whyExcluded } from "./ignoreFiles";
import type { Excerpt } from "./prompts";

export const MAX_FILE_BYTES = 128 << 10;
export const MAX_ATTACHMENTS = 8;
export const MAX_TEXT_CHARACTERS = 512 << 10;

/** The whole of a file. `name`: what to call it. Throws a Fault that says why it is not attached. */
export async function readAttachment(path: string, name: string, language: string): Promise<Excerpt> {
  await refuseExcluded(path, name);
  const file = await fs.open(path, "r");
  try {
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES)
      throw new Fault("invalid_request", `${name} has ${size} bytes; at most ${MAX_FILE_BYTES} are attached: select a part of it`);
    return { name, language, text: decode(await file.readFile(), name) };
  } finally {
    await file.close();
  }
}

/** A part of a text that is open. `path`: its file; undefined for one that has none. */
export async function excerpt(path: string | undefined, name: string, language: string, text: string): Promise<Excerpt> {
  if (path !== undefined) await refuseExcluded(path, name);
  if (text.length > MAX_FILE_BYTES)
    throw new Fault("invalid_request", `the selection has ${text.length} characters; at most ${MAX_FILE_BYTES} are attached: select less`);
  return { name, language, text };
}

async function refuseExcluded(path: string, name: string): Promise<void> {
  const reason = await whyExcluded(path);
  if (reason) throw new Fault("not_permitted", `${name} is not attached: ${reason}`);
}

function decode(bytes: Buffer, name: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // told below
  }
  throw new Fault("invalid_request", `${name} is not text in UTF-8; attach another file`);
}
