import type { FieldTensor, FieldValue, StoredObject } from '@hfquant/core'
import { torchao } from '../index.js'

export const tensor = (name: string, dtype: string, shape: readonly number[]): FieldTensor => ({
  kind: 'tensor',
  name: `fc.weight.${name}`,
  dtype,
  shape,
})

export type Fields = Readonly<Record<string, FieldValue<FieldTensor>>>

export const object = (className: string, fields: Fields): StoredObject<FieldTensor> => ({
  kind: 'object',
  name: 'fc.weight',
  className,
  fields: new Map(Object.entries(fields)),
  presents: { dtype: 'bfloat16', shape: [8, 64] },
})

/** An object that is no tensor. */
export const settings = (className: string, fields: Fields = {}): StoredObject<FieldTensor> => ({
  ...object(className, fields),
  presents: undefined,
})

/** The flat form of one weight; its small tensors hold `bytes`. */
export const flatten = async (entry: StoredObject<FieldTensor>, bytes = new Uint8Array(64)) => {
  const entries = new Map([['fc.weight', entry]])
  const { tensors, metadata } = await torchao.objects!.flatten({ entries, read: async () => bytes })
  return { tensors, document: JSON.parse(metadata['fc.weight']!) }
}
