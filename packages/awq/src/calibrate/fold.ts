import type { SharedWeight } from '@hfquant/calibrate'
import type { FloatTensors } from '@hfquant/core'
import type { Pair } from './pairs.js'

const { fround } = Math

/** What the channels of the weights of a block are multiplied by and divided by, by the path of the weight. */
export interface WeightScales {
  /** Of its input channels: a factor for each column. */
  readonly inputs: ReadonlyMap<string, Float32Array>
  /** Of its last output channels: a divisor for each of the last rows. */
  readonly outputs: ReadonlyMap<string, Float32Array>
}

export function weightScales(scales: ReadonlyMap<Pair, Float32Array | undefined>): WeightScales {
  const inputs = new Map<string, Float32Array>()
  const outputs = new Map<string, Float32Array>()
  for (const [{ before, weights }, scale] of scales) {
    if (scale === undefined) continue
    if (before.kind === 'linear') outputs.set(before.path, scale)
    for (const { info } of weights) inputs.set(info.path, scale)
  }
  return { inputs, outputs }
}

/**
 * Changes what stays in float: norms and biases that make the channels, and weights that read them.
 *
 * @throws RuntimeError VALUE_RANGE
 */
export async function foldFloats(
  scales: ReadonlyMap<Pair, Float32Array | undefined>,
  floats: FloatTensors,
): Promise<void> {
  const change = async (name: string, changed: (value: number, at: number, count: number) => number) => {
    if (!floats.has(name)) return
    const values = await floats.read(name)
    await floats.write(
      name,
      values.map((value, at) => changed(value, at, values.length)),
    )
  }
  for (const [{ before, floats: readers, width }, scale] of scales) {
    if (scale === undefined) continue
    const { path, kind, offset = 0 } = before
    const divided = (value: number, at: number, count: number) => {
      const channel = at - (count - width)
      return channel < 0 ? value : fround(value / scale[channel]!)
    }
    if (kind === 'norm') {
      await change(`${path}.weight`, (value, at, count) =>
        fround(divided(fround(value + offset), at, count) - offset),
      )
    }
    await change(`${path}.bias`, divided)
    for (const reader of readers) await change(`${reader}.weight`, (value, at) => value * scale[at % width]!)
  }
}

/** Multiplies the columns of a weight, and divides its last rows, in place. */
export function foldWeight(
  { values, rows, columns }: SharedWeight,
  inputs: Float32Array | undefined,
  outputs: Float32Array | undefined,
): void {
  if (inputs !== undefined) {
    for (let at = 0; at < values.length; at++) values[at] = values[at]! * inputs[at % columns]!
  }
  if (outputs === undefined) return
  const first = rows - outputs.length
  for (let at = first * columns; at < values.length; at++) {
    values[at] = values[at]! / outputs[Math.floor(at / columns) - first]!
  }
}
