import type { Tokenizer } from '@hfquant/transformers'

/** What a generation tells its tokens: the prompt first, then each new one, then that it has ended. */
export interface Streamer {
  put(tokens: bigint[][]): void
  end(): void
}

export interface TextStreamerOptions {
  /** Leaves the prompt out; default false. */
  readonly skip_prompt?: boolean | undefined
  /** Default true. */
  readonly skip_special_tokens?: boolean | undefined
  /** Is given each piece of text; default: standard output. */
  readonly callback_function?: ((text: string) => void) | null | undefined
  /** Is given each token. */
  readonly token_callback_function?: ((tokens: bigint[]) => void) | null | undefined
}

/**
 * Gives text on as it is generated: `new TextStreamer(generator.tokenizer, …)` for the option `streamer` of text-generation.
 * Pieces come as soon as their characters are complete.
 */
export class TextStreamer implements Streamer {
  readonly #tokenizer: Tokenizer
  readonly #options: TextStreamerOptions
  #decoder: ReturnType<Tokenizer['createStreamDecoder']> | undefined

  constructor(tokenizer: Tokenizer, options: TextStreamerOptions = {}) {
    this.#tokenizer = tokenizer
    this.#options = options
  }

  put([tokens = []]: bigint[][]): void {
    const { skip_prompt = false, skip_special_tokens: skipSpecialTokens = true } = this.#options
    const isPrompt = this.#decoder === undefined
    const ids = tokens.map(Number)
    this.#decoder ??= this.#tokenizer.createStreamDecoder({
      skipSpecialTokens,
      ...(skip_prompt && { after: ids }),
    })
    if (isPrompt && skip_prompt) return
    this.#options.token_callback_function?.(tokens)
    this.#give(ids.map((id) => this.#decoder!.push(id)).join(''))
  }

  end(): void {
    this.#give(this.#decoder?.flush() ?? '')
    this.#decoder = undefined
    if (this.#options.callback_function == null) process.stdout.write('\n')
  }

  #give(text: string): void {
    if (text === '') return
    const { callback_function: give } = this.#options
    if (give == null) process.stdout.write(text)
    else give(text)
  }
}
