/** Counts from vitest's JSON report. */

/** Passed and failed numbers, and the tests that did not run. A file that could not even be loaded counts as one failure. */
export function countTests(report) {
  const counts = { passed: 0, failed: 0, skippedTests: [] };
  for (const file of report.testResults) {
    let failedHere = 0;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') failedHere += 1;
      else counts.skippedTests.push({ file: file.name, name: test.fullName });
    }
    if (file.status === 'failed' && failedHere === 0) failedHere = 1;
    counts.failed += failedHere;
  }
  return counts;
}

export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
