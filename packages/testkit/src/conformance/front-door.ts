import type { JsonObject, QuantizationConfigInput } from '@hfquant/core/runtime'

/** What `AutoModelForCausalLM` offers, as far as the suite uses it. */
export interface FrontDoor {
  fromPretrained(
    folder: string,
    options?: {
      readonly quantizationConfig?: QuantizationConfigInput
      readonly compute?: 'fast' | 'exact'
      /** False: what is compiled is not kept for later starts. */
      readonly cache?: boolean
      readonly signal?: AbortSignal
      readonly onProgress?: () => void
    },
  ): Promise<FrontDoorModel>
}

/** What `CausalLM` offers, as far as the suite uses it. */
export interface FrontDoorModel extends AsyncDisposable {
  readonly quantization:
    | {
        readonly method: string
        readonly config: JsonObject
        readonly skipped: readonly { readonly module: string; readonly reason: string }[]
      }
    | undefined
  readonly warnings: readonly string[]
  forward(input: { readonly inputIds: readonly (readonly number[])[] }): Promise<{
    readonly logits: Float32Array
  }>
  generate(
    prompt: { readonly inputIds: readonly number[] },
    options: { readonly maxNewTokens: number; readonly temperature: number; readonly ignoreEos: boolean },
  ): AsyncIterable<{ readonly tokenId: number }>
  savePretrained(out: string): Promise<void>
  dequantize(): Promise<void>
  memoryFootprint(): number
}
