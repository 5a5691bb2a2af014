import { CheckpointError, ConfigError } from '@hfquant/core'

/** A tokenizer file is absent, unreadable, too large, or does not have the expected content. */
export class TokenizerFileError extends CheckpointError {
  static override readonly family: string = 'hfquant.checkpoint.tokenizer'
}

/** A tokenizer was called with something that it cannot encode or decode. */
export class TokenizerError extends ConfigError {
  static override readonly family: string = 'hfquant.config.tokenizer'
}

/** There is no chat template, it does not parse, or it refused the conversation. */
export class ChatTemplateError extends ConfigError {
  static override readonly family: string = 'hfquant.config.chat-template'
}
