// The daemon, as the rest of the extension asks it: calls that either answer or throw a Fault.
//
// Must never dial anything but the socket that places.ts let through, and never keep what was said.
// Called by everything that shows something.

import type { CallOptions, ClientReadableStream, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { connect, type Services } from "./contract";
import { Fault, fromRpc } from "./faults";
import { target } from "./places";
import type { AttestResponse__Output as Attestation } from "../build/generated/hob/v1/AttestResponse";
import type { ChatRequest } from "../build/generated/hob/v1/ChatRequest";
import type { Event__Output as Told } from "../build/generated/hob/v1/Event";
import type { GetStatusResponse__Output as Status } from "../build/generated/hob/v1/GetStatusResponse";
import type { GetWiresResponse__Output as Wires } from "../build/generated/hob/v1/GetWiresResponse";
import type { ListModelsResponse__Output } from "../build/generated/hob/v1/ListModelsResponse";
import type { Model__Output as Model } from "../build/generated/hob/v1/Model";
import type { Progress__Output as Progress } from "../build/generated/hob/v1/Progress";
import type { GetModelResponse__Output as ModelDetails } from "../build/generated/hob/v1/GetModelResponse";
import type { TokenizeResponse__Output } from "../build/generated/hob/v1/TokenizeResponse";
import type { WatchEventsResponse__Output as Happening } from "../build/generated/hob/v1/WatchEventsResponse";

export type { Attestation, ChatRequest, Happening, Model, ModelDetails, Progress, Status, Told, Wires };

const QUICK_MS = 5_000;
const ATTEST_MS = 60_000;
const UNLOAD_MS = 60_000;

type Unary<T> = (options: CallOptions, answer: (error: ServiceError | null, response?: T) => void) => ClientUnaryCall;

export class Daemon {
  readonly #services: Services;

  constructor(readonly socket: string) {
    this.#services = connect(target(socket));
  }

  dispose(): void {
    this.#services.close();
  }

  status(): Promise<Status> {
    return this.#ask(QUICK_MS, (options, answer) => this.#services.daemon.getStatus({}, options, answer));
  }

  wires(): Promise<Wires> {
    return this.#ask(QUICK_MS, (options, answer) => this.#services.daemon.getWires({}, options, answer));
  }

  attest(): Promise<Attestation> {
    return this.#ask(ATTEST_MS, (options, answer) => this.#services.daemon.attest({}, options, answer));
  }

  async models(): Promise<Model[]> {
    const { models } = await this.#ask<ListModelsResponse__Output>(QUICK_MS, (options, answer) => this.#services.models.listModels({}, options, answer));
    return models;
  }

  model(name: string): Promise<ModelDetails> {
    return this.#ask(QUICK_MS, (options, answer) => this.#services.models.getModel({ model: name }, options, answer));
  }

  async countTokens(model: string, text: string): Promise<number> {
    const { ids } = await this.#ask<TokenizeResponse__Output>(UNLOAD_MS, (options, answer) => this.#services.inference.tokenize({ model, text }, options, answer));
    return ids.length;
  }

  async unload(model: string): Promise<void> {
    await this.#ask(UNLOAD_MS, (options, answer) => this.#services.models.unloadModel({ model }, options, answer));
  }

  /** Brings a model into memory, and tells how far that is. */
  async *load(model: string, signal: AbortSignal): AsyncGenerator<Progress> {
    for await (const { progress } of this.#follow(this.#services.models.loadModel({ model }), signal)) if (progress) yield progress;
  }

  /** One answer to a conversation. Ends early, and at the daemon too, when `signal` says so. */
  async *chat(request: ChatRequest, signal: AbortSignal): AsyncGenerator<Told> {
    for await (const { event } of this.#follow(this.#services.inference.chat(request), signal)) if (event) yield event;
  }

  /** What happens in the daemon from now on. */
  events(signal: AbortSignal): AsyncGenerator<Happening> {
    return this.#follow(this.#services.daemon.watchEvents({}), signal);
  }

  #ask<T>(ms: number, call: Unary<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      call({ deadline: Date.now() + ms }, (error, response) =>
        error || !response ? reject(fromRpc(error, this.socket)) : resolve(response),
      );
    });
  }

  /** A stream as it comes. Whoever stops reading it ends the call. */
  async *#follow<T>(stream: ClientReadableStream<T>, signal: AbortSignal): AsyncGenerator<T> {
    const cancel = (): void => stream.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    stream.on("error", () => undefined); // the loop below throws it; one that comes later is nobody's
    try {
      if (signal.aborted) throw new Fault("cancelled", "the call was cancelled before it began");
      for await (const message of stream) yield message as T;
    } catch (error) {
      throw fromRpc(error, this.socket);
    } finally {
      signal.removeEventListener("abort", cancel);
      stream.cancel();
    }
  }
}
