// What the suite's results mean: verdicts, counts, and the comparison with the known failures. Pure.

/** The verdict on each test, as a map from its id: `{ suite, test, kind, verdict, message }`. */
export function verdicts (suites, results) {
  const tests = new Map(suites.flatMap(suite => suite.tests.map(test => [test.id, { suite, test }])))
  const judged = new Map()
  for (const [id, { suite, test }] of tests) {
    const kind = test.kind ?? 'required'
    const message = Array.isArray(results[id]) ? results[id].join(': ') : ''
    judged.set(id, { suite, test, kind, verdict: verdictOf(id), message })
  }
  return judged

  // A test whose precondition fails says nothing, whatever its own result.
  function verdictOf (id) {
    const unmet = (tests.get(id)?.test.depends_on ?? []).find(other => verdictOf(other) !== 'pass')
    if (unmet !== undefined) return `precondition ${unmet}`
    const result = results[id]
    if (result === undefined) return 'not run'
    if (result === true) return 'pass'
    if (result[0] === 'Setup') return result[1] === 'retry' ? 'retried' : 'setup'
    return result[0] === 'Assertion' ? 'fail' : 'no result'
  }
}

/** Passed and all tests by kind, overall and in each suite. */
export function counts (judged) {
  const all = new Map()
  for (const { suite, kind, verdict } of judged.values()) {
    for (const group of ['all', suite.id]) {
      if (!all.has(group)) all.set(group, {})
      const count = (all.get(group)[kind] ??= { passed: 0, total: 0 })
      count.total += 1
      count.passed += verdict === 'pass' ? 1 : 0
    }
  }
  return all
}

/** Reads known_failures.txt: a line is `test-id: reason`. */
export function knownFailures (text) {
  const lines = text.split('\n').map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#'))
  return new Map(lines.map(line => {
    const [, id, reason] = /^([\w=-]+): (.+)$/.exec(line) ?? []
    if (id === undefined) throw new Error(`known_failures.txt: not "test-id: reason": ${line}`)
    return [id, reason]
  }))
}

/** What differs from the known failures, each difference as a line. Empty: all is as it should be. */
export function differences (judged, known) {
  const differing = []
  for (const [id, { kind, verdict, message }] of judged) {
    if (kind === 'check') continue
    if (verdict !== 'pass' && !known.has(id)) differing.push(`newly fails: ${id} (${kind}, ${verdict}) ${message}`)
    if (verdict === 'pass' && known.has(id)) differing.push(`newly passes, take it off the list: ${id}`)
  }
  for (const id of known.keys()) {
    const kind = judged.get(id)?.kind
    if (kind === undefined || kind === 'check') differing.push(`no such required or optimal test: ${id}`)
  }
  return differing
}

/** The counts as a table for people. */
export function table (counted) {
  const cell = count => (count ? `${count.passed}/${count.total}` : '-').padStart(9)
  const row = ([group, kinds]) => `${group.padEnd(22)}${cell(kinds.required)}${cell(kinds.optimal)}${cell(kinds.check)}`
  const head = `${'group'.padEnd(22)}${['required', 'optimal', 'yes'].map(kind => kind.padStart(9)).join('')}`
  const [overall, ...groups] = counted
  return [head, ...groups.map(row), row(overall)].join('\n')
}
