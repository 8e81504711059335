//go:build race

package integration

// Tests with the race detector build the daemon with it too; a race ends the daemon, and so fails
// the test.
var buildFlags = []string{"-race"}
