export { persimmon as architecture } from './persimmon.js'
