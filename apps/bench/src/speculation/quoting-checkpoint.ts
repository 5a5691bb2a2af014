import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type MadeShape, makeCheckpoint } from '../make-checkpoint.js'

type Header = Readonly<Record<string, { readonly data_offsets?: readonly [number, number] }>>

/**
 * Writes a checkpoint that takes the time of any other of its shape, and goes on from token t with t + 1, so that prompts can
 * be made that its text quotes: blocks add nothing to the embeddings, because their last products are zeros, and row t + 1 of
 * the head is the embedding of t.
 */
export async function makeQuotingCheckpoint(folder: string, shape: MadeShape): Promise<void> {
  await makeCheckpoint(folder, shape)
  const file = await open(join(folder, 'model.safetensors'), 'r+')
  try {
    const [headerLength] = new BigUint64Array((await read(8, 0)).buffer)
    const first = 8 + Number(headerLength)
    const header: Header = JSON.parse(new TextDecoder().decode(await read(Number(headerLength), 8)))
    const range = (name: string) => {
      const [begin, end] = header[name]!.data_offsets!
      return { at: first + begin, length: end - begin }
    }
    for (const name of Object.keys(header).filter((name) => /\.(o_proj|down_proj)\./.test(name))) {
      const { at, length } = range(name)
      await file.write(new Uint8Array(length), 0, length, at)
    }
    const embeddings = range('model.embed_tokens.weight')
    const row = embeddings.length / shape.vocabulary
    const rows = await read(embeddings.length, embeddings.at)
    const { at } = range('lm_head.weight')
    await file.write(rows, 0, rows.length - row, at + row)
    await file.write(rows, rows.length - row, row, at)
  } finally {
    await file.close()
  }

  async function read(length: number, position: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length)
    await file.read(bytes, 0, length, position)
    return bytes
  }
}
