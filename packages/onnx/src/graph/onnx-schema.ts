import type { Type } from 'protobufjs'

/**
 * The part of the ONNX schema (onnx.proto3 of the ONNX project, IR version 10) that we write. Field numbers are those
 * of the schema; fields that are never written are left out.
 */
const SCHEMA = `
syntax = "proto3";
package onnx;
message StringStringEntryProto { string key = 1; string value = 2; }
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message TensorProto {
  repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9;
  repeated StringStringEntryProto external_data = 13; int32 data_location = 14;
}
message AttributeProto { string name = 1; float f = 2; int64 i = 3; bytes s = 4; GraphProto g = 6; repeated int64 ints = 8; int32 type = 20; }
message NodeProto {
  repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
  repeated AttributeProto attribute = 5; string domain = 7;
}
message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
message TensorShapeProto { repeated Dimension dim = 1; }
message TensorTypeProto { int32 elem_type = 1; TensorShapeProto shape = 2; }
message TypeProto { TensorTypeProto tensor_type = 1; }
message ValueInfoProto { string name = 1; TypeProto type = 2; }
message GraphProto {
  repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5;
  repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12;
}
message ModelProto {
  int64 ir_version = 1; string producer_name = 2; string producer_version = 3; GraphProto graph = 7;
  repeated OperatorSetIdProto opset_import = 8;
}
`

/** Serialises a ModelProto given as a plain object with the schema's field names. */
export async function encodeModel(value: object): Promise<Uint8Array> {
  const type = await modelType()
  return type.encode(type.fromObject(value)).finish()
}

/** A ModelProto that was read, as far as it is looked at. */
export interface StoredModel {
  readonly graph?: { readonly initializer: readonly StoredInitializer[] }
}

export interface StoredInitializer {
  readonly name: string
  /** Empty for a tensor inside of the model. */
  readonly external_data: readonly ExternalEntry[]
}

/** A fact about where a tensor lies: "location", "offset", "length", or a packed copy, "prepacked_0". */
export interface ExternalEntry {
  readonly key: string
  value: string
}

/** Reads a ModelProto. Fields that the schema above leaves out are kept, and written again by `encodeStored`. */
export async function decodeModel(bytes: Uint8Array): Promise<StoredModel> {
  const [type, { default: protobuf }] = await Promise.all([modelType(), import('protobufjs')])
  const reader = protobuf.Reader.create(bytes)
  reader.discardUnknown = false
  return type.decode(reader) as StoredModel
}

/** Serialises a model that `decodeModel` read. */
export const encodeStored = async (model: StoredModel): Promise<Uint8Array> =>
  (await modelType()).encode(model).finish()

let parsed: Type | undefined

/** Parsed when it is needed: a model that is compiled already starts without it. */
async function modelType(): Promise<Type> {
  const { default: protobuf } = await import('protobufjs')
  parsed ??= protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType('onnx.ModelProto')
  return parsed
}
