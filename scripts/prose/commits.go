package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// since is the last commit whose subject is not checked: those before it are older than the rules.
const since = "7d6a09f"

// subjectColumns is how long the subject of a commit may be.
const subjectColumns = 72

// checkCommits returns the findings in the subjects of the commits after since. Where the history
// does not reach that far back, as in a shallow clone, it checks the newest commit alone; outside
// a repository it checks nothing.
func checkCommits(root string) ([]finding, error) {
	if !git(root, "rev-parse", "--verify", "--quiet", "HEAD").ok {
		return nil, nil
	}
	which := []string{"-1"}
	if git(root, "cat-file", "-e", since+"^{commit}").ok {
		which = []string{since + "..HEAD"}
	}
	log := git(root, append([]string{"log", "--no-merges", "--format=%h %s"}, which...)...)
	if !log.ok {
		return nil, fmt.Errorf("git log: %s", log.output)
	}
	var found []finding
	for line := range strings.Lines(log.output) {
		hash, subject, _ := strings.Cut(strings.TrimSpace(line), " ")
		found = append(found, checkSubject(hash, subject)...)
	}
	return found, nil
}

// checkSubject returns the findings in the subject of one commit.
func checkSubject(hash, subject string) []finding {
	found := checkWords("commit "+hash, 1, subject)
	if n := len([]rune(subject)); n > subjectColumns {
		found = append(found, finding{
			"commit " + hash, 1,
			fmt.Sprintf("a subject of %d characters; %d at most", n, subjectColumns),
		})
	}
	return found
}

type gitResult struct {
	output string
	ok     bool
}

func git(root string, arguments ...string) gitResult {
	output, err := exec.Command("git", append([]string{"-C", root}, arguments...)...).CombinedOutput()
	return gitResult{string(output), err == nil}
}
