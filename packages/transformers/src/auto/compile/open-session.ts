/** Opens the graph of a model in a thread of its own. */
export type OpenSession<Session> = (file: SessionFile) => Promise<Session>

export interface SessionFile {
  readonly modelPath: string
  /** Threads of the runtime; default: one per core. */
  readonly threads: number | undefined
  /** True for a compiled artifact, which the runtime optimized when it was made. */
  readonly optimized: boolean
}
