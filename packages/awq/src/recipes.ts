import type { AwqConfig } from './config/awq-config.js'

export const recipes: Readonly<Record<string, () => AwqConfig>> = {}
