import { totalmem } from 'node:os'

/** Bytes that this process can have at most: of the machine, or of the container that it runs in. */
export function machineMemory(): number {
  const limit = process.constrainedMemory()
  return limit > 0 && limit < totalmem() ? limit : totalmem()
}
