package vm

import (
	"errors"
	"os"
	"strconv"
	"strings"
)

// Available returns the available memory of the machine, in KiB: the memory that neither the kernel
// nor a process uses.
func Available() (kib int64, err error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] == "MemAvailable:" {
			return strconv.ParseInt(fields[1], 10, 64)
		}
	}
	return 0, errors.New("/proc/meminfo has no MemAvailable")
}
