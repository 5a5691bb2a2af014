import { read } from 'node:fs'
import { CheckpointError } from '../errors/families.js'

interface Range {
  readonly fd: number
  readonly file: string
  readonly position: number
  readonly byteLength: number
}

/**
 * Bytes of an open file, by position.
 *
 * @throws CheckpointError FILE_CHANGED when the file ends early: it was complete when its header was checked.
 */
export async function readRange({ fd, file, position, byteLength }: Range): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength)
  let done = 0
  while (done < byteLength) {
    const count = await readOnce(fd, bytes, done, byteLength - done, position + done)
    if (count === 0) {
      throw new CheckpointError('FILE_CHANGED', `${file} ends ${byteLength - done} bytes early`, {
        file,
        hint: 'The file was changed while it was open; load it again.',
      })
    }
    done += count
  }
  return bytes
}

const readOnce = (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) =>
  new Promise<number>((resolve, reject) =>
    read(fd, bytes, offset, length, position, (error, count) => (error ? reject(error) : resolve(count))),
  )
