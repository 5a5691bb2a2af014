import type { Environment } from '@hfquant/core'

/** What a made-up machine offers. */
export interface FakeMachine {
  /** Default: the CPU alone. */
  readonly devices?: readonly string[]
  /** Packages that can be imported; default: every one. */
  readonly packages?: readonly string[]
}

/** A machine as a test needs it: with a second device, or without the package that a backend depends on. */
export const fakeEnvironment = ({ devices = ['cpu'], packages }: FakeMachine = {}): Environment => ({
  devices,
  has: (packageName) => packages?.includes(packageName) ?? true,
})
