//go:build !linux

package journal

func (f osFile) writeAt(parts [][]byte, offset int64) error {
	for _, p := range parts {
		if _, err := f.WriteAt(p, offset); err != nil {
			return err
		}
		offset += int64(len(p))
	}
	return nil
}

func (f osFile) datasync() error { return f.Sync() }

// allocate promises nothing here: a write may still find the disk full.
func (f osFile) allocate(int64, int64) error { return nil }
