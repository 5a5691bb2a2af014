import { CheckpointError } from '@hfquant/core'
import { BitsAndBytesConfig } from '../index.js'
import { below, float32, floats, type RawTensor, readGolden, text } from './golden.fixture.js'
import { loadLinear } from './load-linear.fixture.js'

const golden = readGolden('quant_state')
const storedParts = (name: string) =>
  new Map([...below(golden, `${name}.`)].filter(([key]) => key.startsWith('weight')))

export const STATE = 'weight.quant_state.bitsandbytes__nf4'
export const nested = () => storedParts('nf4_zero_row') // 64 x 64
export const plain = () => storedParts('plain_nf4_bf16') // 16 x 96
const config = new BitsAndBytesConfig({ loadIn4bit: true, bnb4bitQuantType: 'nf4' })
export const load = (tensors: ReadonlyMap<string, RawTensor>, outFeatures: number, inFeatures: number) =>
  loadLinear({ tensors, outFeatures, inFeatures, config, preQuantized: true })

export const stateText = (tensors: ReadonlyMap<string, RawTensor>) =>
  Buffer.from(tensors.get(STATE)!.bytes).toString()

export type Change = (tensors: Map<string, RawTensor>) => void

export const set =
  (key: string, tensor: RawTensor): Change =>
  (tensors) =>
    void tensors.set(key, tensor)
export const remove =
  (key: string): Change =>
  (tensors) =>
    void tensors.delete(key)
export const editState =
  (from: string | RegExp, to: string): Change =>
  (tensors) => {
    const edited = stateText(tensors).replace(from, to)
    if (edited === stateText(tensors)) throw new Error(`the state has no ${from}`)
    tensors.set(STATE, text(edited))
  }
export const editFloats =
  (key: string, edit: (values: Float32Array) => void): Change =>
  (tensors) => {
    const { bytes, shape } = tensors.get(key)!
    const values = floats(bytes)
    edit(values)
    tensors.set(key, float32(values, shape))
  }

/** The error of an attempt that must fail with one about the checkpoint. */
export async function failure(attempt: Promise<unknown>): Promise<CheckpointError> {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!CheckpointError.isInstance(error)) throw new Error(`no CheckpointError but ${String(error)}`)
  return error
}
