/** The part of a file handle that writes by position. */
export interface Writer {
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ readonly bytesWritten: number }>
}

/**
 * Linux keeps what one call writes in pages as large as the call, up to 2 MiB. Those above 256 KiB have to be found and
 * cleared anew, which in a virtual machine takes four times as long as the writing.
 */
const BYTES_PER_CALL = 2 ** 18

/**
 * Writes all of `bytes`. A call may take less than it is given, at the limit of a file's size, at a quota or on the last
 * free page; the next one says why.
 *
 * @param position in the file; null: where the last write ended.
 * @throws the system's error; one with the code ENOSPC when a call takes nothing and gives no reason.
 */
export async function writeFully(file: Writer, bytes: Uint8Array, position: number | null): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const wanted = Math.min(bytes.byteLength - done, BYTES_PER_CALL)
    const { bytesWritten } = await file.write(bytes, done, wanted, position === null ? null : position + done)
    if (bytesWritten === 0) throw Object.assign(new Error('nothing more is written'), { code: 'ENOSPC' })
    done += bytesWritten
  }
}
