import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Environment } from '../contract/quantizer.js'

/** This process: the devices that can hold weights, and the packages that the application can import. */
export function nodeEnvironment(): Environment {
  const application = createRequire(join(process.cwd(), 'package.json'))
  return {
    devices: ['cpu'],
    has(packageName) {
      try {
        application.resolve(packageName)
        return true
      } catch {
        return false
      }
    },
  }
}
