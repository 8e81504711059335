//go:build race

package integration

// With the race detector in the tests the daemon is built with it, too. A race ends the daemon and
// so fails the test.
var buildFlags = []string{"-race"}
