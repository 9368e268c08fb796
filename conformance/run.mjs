// Runs a public HTTP cache conformance suite against Larder as a plain RFC 9111 shared cache, and compares what fails
// with known_failures.txt: a test that newly fails, or newly passes, is an error.
//
//   node conformance/run.mjs SUITE_FOLDER LARDER_BINARY WORK_FOLDER [TEST_ID]
//
// Started here and ended here: the suite's server, which is the origin, and Larder, once as it is by default and once
// with a route that stores cookies. The suite's client runs in this process. With TEST_ID only that test runs, and its
// messages are shown. The exit code is 0 where all is as known, 1 where it is not, 2 where the suite could not be run.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { counts, differences, knownFailures, table, verdicts } from './results.mjs'

const START_MS_MAX = 20_000
const RUN_MS_MAX = 180_000
const TESTS_AT_ONCE = 100
const KNOWN_FAILURES = new URL('known_failures.txt', import.meta.url)
const PLAIN_ROUTE = '[[route]]\nname = "all"\npath = "/**"\n'
// RFC 9111 section 7.3 lets a cache store Set-Cookie, and Larder refuses unless told otherwise.
const COOKIE_TESTS = ['headers-store-Set-Cookie', '304-etag-update-response-Set-Cookie', 'other-set-cookie']
const COOKIE_ROUTE = `${PLAIN_ROUTE}set_cookie = "store"\n`

const [suiteFolder, binary, workFolder, only] = process.argv.slice(2).map((text, at) => at < 3 ? path.resolve(text) : text)
if (workFolder === undefined) {
  console.error('error: usage: node run.mjs SUITE_FOLDER LARDER_BINARY WORK_FOLDER [TEST_ID]')
  process.exit(2)
}

const children = []
process.on('exit', () => children.forEach(child => child.kill('SIGKILL')))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(2))

try {
  process.exit(await main())
} catch (error) {
  console.error(`error: ${error.message}`)
  process.exit(2)
}

async function main () {
  mkdirSync(workFolder, { recursive: true })
  const origin = await startOrigin()
  const plain = await startLarder('plain', origin, PLAIN_ROUTE)
  const cookies = await startLarder('cookies', origin, COOKIE_ROUTE)
  const suites = await loadSuites()
  const results = await within(RUN_MS_MAX, 'the tests', runTests(suites, plain, cookies))
  if (only !== undefined) {
    console.log(JSON.stringify(results[only] ?? 'no such test'))
    return results[only] === true ? 0 : 1
  }
  writeFileSync(path.join(workFolder, 'results.json'), JSON.stringify(results, null, 2))
  return conclude(verdicts(suites, results))
}

/** Starts the suite's server on a free port; its URL. */
function startOrigin () {
  const script = path.join(suiteFolder, 'server', 'server.mjs')
  const settings = { npm_config_protocol: 'http', npm_config_port: '0', npm_config_pidfile: path.join(workFolder, 'origin.pid') }
  const child = spawn(process.execPath, [script], { cwd: suiteFolder, env: { ...process.env, ...settings }, stdio: ['ignore', 'pipe', 'inherit'] })
  return announced('the origin', child, /^Listening on http:.*:(\d+)\//m).then(([, port]) => `http://127.0.0.1:${port}`)
}

/** Starts Larder on free ports in front of `origin`; the URL of its data port. */
function startLarder (name, origin, route) {
  const config = path.join(workFolder, `${name}-proxy.toml`)
  const rules = path.join(workFolder, `${name}-rules.toml`)
  writeFileSync(rules, route)
  writeFileSync(config, [
    `rules = ${JSON.stringify(rules)}`, '[listen]', 'http = "127.0.0.1:0"', '[admin]', 'listen = "127.0.0.1:0"',
    '[upstream]', `servers = [${JSON.stringify(origin)}]`, '[log]', 'level = "warn"', 'access = false', ''
  ].join('\n'))
  const child = spawn(binary, ['serve', '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] })
  return announced('larder', child, /^listening on (http:\S+)$/m).then(([, url]) => url)
}

/** Waits until a process prints a line; its match. */
function announced (what, child, line) {
  children.push(child)
  const printed = new Promise((resolve, reject) => {
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', text => {
      output += text
      const match = line.exec(output)
      if (match) resolve(match)
      if (only !== undefined) process.stdout.write(text)
    })
    child.on('error', reject)
    child.on('exit', code => reject(new Error(`${what} ended with exit code ${code}`)))
  })
  return within(START_MS_MAX, `the start of ${what}`, printed)
}

function within (ms, what, promise) {
  let timer
  const over = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms)
  })
  return Promise.race([promise, over]).finally(() => clearTimeout(timer))
}

/** The suites' tests, but for those that only a browser can run. */
async function loadSuites () {
  const { default: suites } = await importFromSuite('tests/index.mjs')
  return suites.map(suite => ({ ...suite, tests: suite.tests.filter(test => test.browser_only !== true) }))
}

async function runTests (suites, plain, cookies) {
  const config = await importFromSuite('client/config.mjs')
  const { makeCacheTest, testResults } = await importFromSuite('client/test.mjs')
  config.setFetch(createRequire(path.join(suiteFolder, 'package.json'))('node-fetch'))
  config.setUseBrowserCache(false)
  const tests = suites.flatMap(suite => suite.tests).filter(test => only === undefined || test.id === only)
  const ofCookies = test => COOKIE_TESTS.includes(test.id)
  await runThrough(plain, tests.filter(test => !ofCookies(test)))
  await runThrough(cookies, tests.filter(ofCookies))
  return testResults

  async function runThrough (baseUrl, tests) {
    config.setBaseUrl(baseUrl)
    for (let at = 0; at < tests.length; at += TESTS_AT_ONCE) {
      const batch = tests.slice(at, at + TESTS_AT_ONCE)
      await Promise.all(batch.map(test => makeCacheTest({ ...test, dump: only !== undefined })))
    }
  }
}

function importFromSuite (file) {
  return import(pathToFileURL(path.join(suiteFolder, file)))
}

function conclude (judged) {
  const known = knownFailures(readFileSync(KNOWN_FAILURES, 'utf8'))
  console.log(table(counts(judged)))
  for (const [id, reason] of known) console.log(`known failure: ${id}: ${reason}`)
  const differing = differences(judged, known)
  for (const line of differing) console.error(`error: ${line}`)
  return differing.length === 0 ? 0 : 1
}
