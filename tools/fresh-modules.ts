import { vi } from 'vitest'

/**
 * Runs before each test file. Files that share a process do not share what modules hold (registries, folders, threads),
 * nor the environment that an earlier file has made for itself.
 */
vi.resetModules()
vi.unstubAllEnvs()
