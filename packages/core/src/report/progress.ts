/** Sent after each tensor. Bytes count the float source, so that `doneBytes / totalBytes` is the share of the work. */
export interface ProgressEvent {
  readonly stage: 'download' | 'quantize' | 'convert' | 'copy' | 'calibrate' | 'compile' | 'export'
  /** The tensor, module or file that was just finished. */
  readonly tensor: string
  readonly done: number
  readonly total: number
  readonly doneBytes: number
  readonly totalBytes: number
  /** 'calibrate': what quantizing the module cost, as its method measures it. */
  readonly loss?: number
  /** 'calibrate': the share of the module's outputs that quantizing it took away, comparable between modules. */
  readonly relativeError?: number
  /** 'calibrate': seconds since the event before, by kind of work. */
  readonly seconds?: Readonly<Record<string, number>>
}

export type OnProgress = (event: ProgressEvent) => void
