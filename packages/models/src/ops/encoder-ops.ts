import type { GraphValue } from '@hfquant/core'
import type { LayerOps } from './ops.js'

/**
 * What an encoder is computed with, and what stands on its hidden states. Tokens of all texts of a run stand in one column,
 * [tokens, 1, channels], without padding; where blocks are run one by one, for calibration, every text has a row. Neither
 * matters to arithmetic that treats each token by itself.
 */
export interface EncoderOps extends LayerOps {
  /** The type of each token, int64, as the tokens stand. */
  readonly types: GraphValue
  /**
   * The places of tokens in their text when those with the id `padding` are not counted, from `padding` + 1 on; a token
   * with that id has `padding` itself. Int64, as the tokens stand.
   */
  countedPositions(padding: number): GraphValue
  /** What the last block gives: says where the blocks end. */
  blocksEnd(hidden: GraphValue): GraphValue
  /** The first token of each text: [B, 1, channels]. */
  first(hidden: GraphValue): GraphValue
  /** The mean over the tokens of each text: [B, 1, channels]. */
  mean(hidden: GraphValue): GraphValue
  /** Tokens by text, zeros behind the end of a shorter one: [B, S, channels]. */
  byText(hidden: GraphValue): GraphValue
  /** Tokens one below the other, [tokens, channels]: token `t` of a text is `t` rows below its first one. */
  rows(hidden: GraphValue): GraphValue
  /** Products with the token table or another matrix of the vocabulary, at `path`. */
  vocabulary(path: string, hidden: GraphValue): GraphValue
  /** Something that a run is given beside its texts. */
  input(name: string, dtype: 'int64' | 'int32' | 'float32', shape: readonly (number | string)[]): GraphValue
  /** What a run gives, float32. Sizes that are known when it runs have names. */
  output(name: string, value: GraphValue, shape: readonly (number | string)[]): void
  /** What a run gives of each token, as the tokens stand, [.., width]. */
  outputOfTokens(name: string, value: GraphValue, width: number): void
  /** What a run gives of each text, [B, 1, width]. */
  outputOfTexts(name: string, value: GraphValue, width: number): void
}
