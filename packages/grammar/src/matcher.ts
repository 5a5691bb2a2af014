/** The half that follows answers, for threads that compile nothing and start faster so. */

export { GrammarError } from './errors.js'
export { type CompiledGrammar, type GrammarMatcher, openGrammar } from './matcher/open-grammar.js'
