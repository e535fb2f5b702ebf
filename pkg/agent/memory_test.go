package agent

import (
	"testing"
	"testing/fstest"
)

func TestContainerMemory(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"none", nil, 0},
		{"version 2, in a container", map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "67108864\n",
		}, 64 << 20},
		{"version 2, no limit", map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "max\n",
		}, 0},
		{"version 2, a service below a slice that has less", map[string]string{
			"proc/self/cgroup": "0::/system.slice/shiplog.service\n",
			"sys/fs/cgroup/system.slice/shiplog.service/memory.max":  "max\n",
			"sys/fs/cgroup/system.slice/shiplog.service/memory.high": "134217728\n",
			"sys/fs/cgroup/system.slice/memory.max":                  "100000000\n",
		}, 100_000_000},
		{"version 1, in a container that does not see its group's path", map[string]string{
			"proc/self/cgroup":                           "5:cpu,cpuacct:/docker/4f2a\n4:memory:/docker/4f2a\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
		}, 256 << 20},
		{"version 1, no limit", map[string]string{
			"proc/self/cgroup":                           "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0},
		{"something else", map[string]string{
			"proc/self/cgroup":         "\n0::\n1:memory\n",
			"sys/fs/cgroup/memory.max": "much\n",
		}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, text := range row.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := containerMemory(root); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}

func TestShareOf(t *testing.T) {
	for _, row := range []struct{ limit, want int64 }{
		{40 << 20, 20 << 20},
		{64 << 20, 40 << 20},
		{1000 << 20, 900 << 20},
	} {
		if got := shareOf(row.limit); got != row.want {
			t.Errorf("of %d: got %d, want %d", row.limit, got, row.want)
		}
	}
}
