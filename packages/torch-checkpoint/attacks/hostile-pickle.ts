import type { TorchCheckpointErrorCode } from '../src/index.js'
import { type Code, dict, pickle, tensor, text } from './build-pickle.js'

/** A pickle that is to be refused inside a sound archive. */
export interface HostilePickle {
  readonly title: string
  readonly code: TorchCheckpointErrorCode
  readonly message: RegExp
  readonly bytes: () => Uint8Array
}

export const hostile = (
  title: string,
  code: TorchCheckpointErrorCode,
  message: RegExp,
  program: Code,
): HostilePickle => ({ title, code, message, bytes: () => pickle(program) })

/** A state dict whose second entry is hostile: a lenient reader would return the first. */
export const entry = (
  title: string,
  code: TorchCheckpointErrorCode,
  message: RegExp,
  value: Code,
): HostilePickle => hostile(title, code, message, dict(text('sound'), tensor(), text('w'), value))
