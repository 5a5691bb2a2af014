import type { EncoderDescription, EncoderFacts } from '@hfquant/models'
import { type EncoderSession, openEncoder, type TextTokens } from '@hfquant/onnx'
import type { LoadModelOptions } from '../open/load-options.js'
import { PretrainedModel } from '../shared/pretrained-model.js'
import { untilAborted } from '../shared/until-aborted.js'
import type { Weights } from '../weights/weights.js'
import { type RunTexts, runTexts, type TextOutput } from './run-texts.js'
import {
  type EncoderBatch,
  type EncoderInput,
  type EncodeTextsOptions,
  type ReadText,
  readBatch,
  readInputs,
} from './text-input.js'

/** What every loaded encoder offers, whatever stands on its hidden states. */
export abstract class EncoderModel extends PretrainedModel<EncoderSession> {
  /** @internal */
  constructor(weights: Weights, options: LoadModelOptions) {
    super(weights, options, () => openEncoder)
  }

  /** Channels of a hidden state. */
  get hiddenSize(): number {
    return this.facts.hiddenSize
  }

  /** Tokens of the longest text. */
  get maxLength(): number {
    return this.facts.maxTokens
  }

  /**
   * Loading an encoder has refused every other kind of model.
   *
   * @internal
   */
  protected get description(): EncoderDescription {
    return this.opened.model as EncoderDescription
  }

  /** @internal */
  protected get facts(): EncoderFacts {
    return this.description.encoder
  }

  /** @internal */
  protected async readTexts(
    inputs: readonly EncoderInput[],
    options: EncodeTextsOptions,
    traces = false,
  ): Promise<readonly ReadText[]> {
    return readInputs(inputs, () => this.tokenizer(), { ...this.description, traces }, options)
  }

  /** @internal */
  protected readBatch(batch: EncoderBatch): readonly TextTokens[] {
    return readBatch(batch, this.description)
  }

  /**
   * Outputs of texts, in their order.
   *
   * @internal
   */
  protected run(texts: readonly TextTokens[], wanted: RunTexts): Promise<readonly TextOutput[]> {
    return this.runAndRead(texts, wanted, (output) =>
      Object.fromEntries(Object.entries(output).map(([name, values]) => [name, values.slice()])),
    )
  }

  /**
   * What `read` makes of them; it may not keep them. Memory that is new for every text takes longer than to read what is in it.
   *
   * @internal
   */
  protected async runAndRead<Result>(
    texts: readonly TextTokens[],
    wanted: RunTexts,
    read: (output: TextOutput, index: number) => Result,
  ): Promise<readonly Result[]> {
    const { signal } = wanted
    signal?.throwIfAborted()
    const session = await untilAborted(this.state.session(), signal)
    return untilAborted(runTexts(session, texts, wanted, read), signal)
  }
}
