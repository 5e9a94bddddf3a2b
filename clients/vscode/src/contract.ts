// The daemon's contract, as the build read it from proto/hob/v1, made into gRPC clients.
//
// Must never hold a message's fields by hand: they come from the protos. Called by daemon.ts and faults.ts.

import { GrpcObject, loadPackageDefinition, type ChannelOptions, credentials } from "@grpc/grpc-js";
import { fromJSON, type Options } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import descriptor from "../build/generated/descriptor.json";
import type { ProtoGrpcType } from "../build/generated/daemon";
import type { ErrorDetail__Output } from "../build/generated/hob/v1/ErrorDetail";
import type { DaemonServiceClient } from "../build/generated/hob/v1/DaemonService";
import type { InferenceServiceClient } from "../build/generated/hob/v1/InferenceService";
import type { ModelServiceClient } from "../build/generated/hob/v1/ModelService";

const SHAPE: Options = { keepCase: true, longs: Number, enums: String, bytes: Buffer, defaults: true, oneofs: true };
const MAX_MESSAGE_BYTES = 16 << 20;
const CHANNEL: ChannelOptions = {
  "grpc.enable_http_proxy": 0,
  "grpc.default_authority": "localhost",
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  // A daemon that restarts is back soon, and asking a socket costs next to nothing.
  "grpc.initial_reconnect_backoff_ms": 20,
  "grpc.max_reconnect_backoff_ms": 500,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_retries": 0,
};

/** The services over one connection. */
export interface Services {
  readonly daemon: DaemonServiceClient;
  readonly inference: InferenceServiceClient;
  readonly models: ModelServiceClient;
  readonly close: () => void;
}

const loaded = fromJSON(descriptor as protobuf.INamespace, SHAPE);
const contract = (loadPackageDefinition(loaded) as GrpcObject as unknown as ProtoGrpcType).hob.v1;
const detail = protobuf.Root.fromJSON(descriptor as protobuf.INamespace).lookupType("hob.v1.ErrorDetail");

export function connect(target: string): Services {
  const open = credentials.createInsecure();
  const daemon = new contract.DaemonService(target, open, CHANNEL);
  const channelOverride = daemon.getChannel();
  const shared = { ...CHANNEL, channelOverride };
  return {
    daemon,
    inference: new contract.InferenceService(target, open, shared),
    models: new contract.ModelService(target, open, shared),
    close: () => channelOverride.close(),
  };
}

/** What came along with a refusal. Raises for bytes that are no ErrorDetail. */
export function decodeDetail(bytes: Uint8Array): ErrorDetail__Output {
  return detail.toObject(detail.decode(bytes), { enums: String, longs: Number, defaults: true, oneofs: true }) as ErrorDetail__Output;
}
