// Asks the gateway: a token, a request, server-sent events. Knows nothing of the page. Called by app.js.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class House {
  constructor(token) {
    this.headers = { authorization: `Bearer ${token}` };
  }

  async get(path) {
    return (await this.#fetch(path, {})).json();
  }

  // Calls `told` with each piece of an answer; ends with why it ended and what it took.
  async chat(asked, told, signal) {
    const body = JSON.stringify({ ...asked, stream: true, stream_options: { include_usage: true } });
    const headers = { "content-type": "application/json" };
    const response = await this.#fetch("/v1/chat/completions", { method: "POST", body, headers, signal });
    const end = { reason: "", usage: null };
    for await (const event of events(response.body)) {
      if (event.error) throw new Refused(500, event.error.message);
      if (event.usage) end.usage = event.usage;
      const choice = event.choices?.[0];
      if (choice?.finish_reason) end.reason = choice.finish_reason;
      if (choice?.delta) told(choice.delta);
    }
    return end;
  }

  async #fetch(path, options) {
    const headers = { ...options.headers, ...this.headers };
    const response = await fetch(path, { ...options, headers, cache: "no-store" });
    if (response.ok) return response;
    const words = await response.json().catch(() => ({}));
    throw new Refused(response.status, words.error?.message ?? `the gateway answered ${response.status}`);
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.match(/^data: (.*)$/m)?.[1]; // a comment keeps the connection, and says nothing
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}
