import type { GraphBuilder, GraphValue } from '@hfquant/core'
import type { Activation } from '../parts/activation.js'
import type { Rope } from '../parts/rope.js'

/**
 * What the layers of any model are computed with. Values are float [B, S, channels] unless stated; a module is named by its
 * path in the shell. Every operation treats each token by itself, `attend` alone looks from one to others: this is what
 * lets tokens of several sequences stand in any order.
 */
export interface LayerOps {
  /** The shapes and constants of operations that are missing here. Each must treat every token by itself. */
  readonly graph: GraphBuilder
  /** Tokens, int64 [B, S]. */
  readonly ids: GraphValue
  /** The place of each token in its sequence, from 0, int64 [B, S]. */
  readonly positions: GraphValue
  /** Rows of the table at `path`, times `scale`; default 1. */
  embed(path: string, indices: GraphValue, scale?: number): GraphValue
  /** The matrix of the linear layer at `path`, [out, in], in the dtype of the hidden states. */
  matrix(path: string): GraphValue
  /** Whether keys and values of latent attention are made for every head, as calibration wants them, or never. */
  readonly expandsLatents: boolean
  /** x·Wᵀ + b of the linear layer at `path`. */
  linear(path: string, x: GraphValue): GraphValue
  /** The same of an x that no input reaches. Where it can be computed before any run, it is, and in float. */
  linearOfConstant(path: string, x: GraphValue): GraphValue
  /** What is computed in float32 whatever the dtype of the hidden states: another choice of experts is no small error. */
  readonly wide: WideOps
  /** The norm at `path`, over the last axis. */
  norm(path: string, x: GraphValue): GraphValue
  /** Turns every head of queries or keys by its position. x: [B, S, heads · headSize] */
  rotate(x: GraphValue, rope: Rope, heads: Heads): GraphValue
  /** Attention of one layer, to tokens before in a decoder, to all in an encoder: [B, S, heads · headSize]. */
  attend(call: AttendCall): GraphValue
  /** Σ weight · expert(x) over the chosen experts of each token: [B, S, D]. */
  experts(call: ExpertsCall): GraphValue
  /** @param path of the module with the parameters of an activation that has some. */
  activate(kind: Activation, x: GraphValue, path: string): GraphValue
  /** A parameter by its full name, in the dtype of the hidden states. */
  parameter(name: string, shape: readonly number[]): GraphValue
  /** One number, in the dtype of the hidden states. */
  number(value: number): GraphValue
  add(a: GraphValue, b: GraphValue): GraphValue
  mul(a: GraphValue, b: GraphValue | number): GraphValue
  /** cap · tanh(x / cap) */
  softCap(x: GraphValue, cap: number): GraphValue
  /** x between -limit and limit. */
  clip(x: GraphValue, limit: number): GraphValue
  /** Parts of the last axis. */
  split(x: GraphValue, sizes: readonly number[]): readonly GraphValue[]
  /** [B, S, heads · size] as [B, S, heads, size]. */
  toHeads(x: GraphValue, heads: Heads): GraphValue
  /** [B, S, heads, size] as [B, S, heads · size]. */
  fromHeads(x: GraphValue, heads: Heads): GraphValue
  /** Integers [B, S] as floats [B, S, 1]. */
  toFloats(integers: GraphValue): GraphValue
  /**
   * A block: `hidden`, and what is told by `besideHidden`, is all that it is computed from. Where `body` hands hidden states
   * to `cut`, which returns them, they are all that the rest of it is computed from. A model whose blocks read more runs as
   * any other, and is refused where blocks are run one by one, for calibration.
   */
  block(
    path: string,
    hidden: GraphValue,
    body: (hidden: GraphValue, cut: (hidden: GraphValue) => GraphValue) => GraphValue,
  ): GraphValue
  /** Tells that blocks further on read a value [B, S, channels]; returns it. Caches of other layers are known as it is. */
  besideHidden(value: GraphValue): GraphValue
}

export interface WideOps {
  /** x·Wᵀ + b in float32, of an x in the dtype of the hidden states. */
  linear(path: string, x: GraphValue): GraphValue
  /** A parameter in float32. */
  parameter(name: string, shape: readonly number[]): GraphValue
  /** A float32 value in the dtype of the hidden states. */
  narrow(value: GraphValue): GraphValue
}

/** What a decoder is computed with, from tokens to logits. */
export interface Ops extends LayerOps {
  /** Of what the last block gives, the tokens whose logits are wanted. */
  wanted(hidden: GraphValue): GraphValue
  /** Multiplies with the output matrix at `path`; `finish` makes the logits of the products. */
  logits(path: string, hidden: GraphValue, finish?: (products: GraphValue) => GraphValue): void
}

export interface Heads {
  readonly count: number
  /** Channels of one. */
  readonly size: number
}

export interface ExpertsCall {
  readonly count: number
  /** Experts that a token meets. */
  readonly chosen: number
  /** Their indices, int64 [B, S, chosen]. */
  readonly experts: GraphValue
  /** [B, S, chosen], in the dtype of the hidden states. */
  readonly weights: GraphValue
  readonly x: GraphValue
  /** What an expert makes of rows; any number of them, also none. */
  expert(index: number, rows: GraphValue): GraphValue
}

export interface AttendCall {
  readonly layer: number
  /** [B, S, heads.count · heads.size] */
  readonly query: GraphValue
  /** [B, S, kvHeads · heads.size], turned by its position already, as queries are; undefined where `cacheOf` is given. */
  readonly key?: GraphValue | undefined
  readonly value?: GraphValue | undefined
  /** Layer whose keys and values are read in place of own ones. */
  readonly cacheOf?: number | undefined
  readonly heads: Heads
  readonly kvHeads: number
  /** Of the products of queries and keys; default 1 / √headSize. */
  readonly scale?: number | undefined
  /**
   * Tokens that each token attends to, itself included, those on the other side of it counted apart; default all. A key is
   * seen where its distance is less than the window.
   */
  readonly window?: number | undefined
  /** In an encoder: tokens attend to those before them only. */
  readonly looksBack?: boolean | undefined
  /** cap · tanh(score / cap), before anything is added or masked. */
  readonly softCap?: number | undefined
  /** [heads.count], one more score of each head, whose weight is dropped. */
  readonly sinks?: GraphValue | undefined
  /** Per head, what the position of a key is multiplied with and added to its score (attention with linear biases). */
  readonly slopes?: readonly number[] | undefined
  /** In an encoder, what is added to the scaled scores: [1 or B, 1 or heads.count, S, S]. */
  readonly bias?: ((pairs: TokenPairs) => GraphValue) | undefined
}

/** Tokens by text, as attention has them: behind the end of a shorter text stand tokens that nobody attends to. */
export interface TokenPairs {
  /** [B, S, heads · headSize] */
  readonly query: GraphValue
  readonly key: GraphValue
  /** S, int64 [1] */
  readonly length: GraphValue
}
