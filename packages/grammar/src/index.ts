/**
 * JSON, JSON schemas and regular expressions as masks over the tokens of a language model.
 *
 *   const vocabulary = compileVocabulary({ size, tokenBytes, endTokenIds })   // once for a model; lies in shared memory
 *   const grammar = compileGrammar({ type: 'json_schema', schema }, vocabulary) // once for a schema; any thread
 *   const matcher = openGrammar(grammar)                                        // once for an answer; the thread that samples
 *   matcher.mask(); matcher.accept(tokenId); matcher.finished; matcher.clone()
 *
 * A compiled grammar is a plain object of typed arrays: it goes through postMessage as it is, and the four megabytes of a
 * large vocabulary are shared, not copied. `@hfquant/grammar/matcher` has `openGrammar` alone.
 */

export { compileGrammar } from './compile-grammar.js'
export { GrammarError } from './errors.js'
export type { GrammarSource } from './grammar-source.js'
export { type CompiledGrammar, type GrammarMatcher, openGrammar } from './matcher/open-grammar.js'
export { compileVocabulary, type Vocabulary, type VocabularySource } from './vocabulary/vocabulary.js'
