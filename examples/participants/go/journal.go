package main

import (
	"bufio"
	"encoding/json"
	"os"
)

// A journal is the memory of this service: the answers of its commands, and the keys whose charge was undone.
//
// It is a file of lines, which one process writes. A service of several processes keeps the same two tables in its database.
type journal struct {
	file    *os.File
	answers map[string]entry
	undone  map[string]bool
}

type entry struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name,omitempty"`
	Reason string `json:"reason,omitempty"`
	Undone string `json:"undone,omitempty"`
}

// openJournal reads what an earlier process wrote. A line that a kill cut short was answered to nobody: it is cut off.
func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	found := &journal{file: file, answers: map[string]entry{}, undone: map[string]bool{}}
	lines, whole := bufio.NewReader(file), int64(0)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var read entry
		if err := json.Unmarshal(line, &read); err != nil {
			return nil, err
		}
		found.keep(read)
		whole += int64(len(line))
	}
	if err := file.Truncate(whole); err != nil {
		return nil, err
	}
	_, err = file.Seek(whole, 0)
	return found, err
}

func (j *journal) keep(e entry) {
	if e.Undone != "" {
		j.undone[e.Undone] = true
	} else {
		j.answers[e.ID] = e
	}
}

// write returns when the entry is on the disk.
func (j *journal) write(e entry) {
	_, err := j.file.Write(append(must(json.Marshal(e)), '\n'))
	check(err)
	check(j.file.Sync())
	j.keep(e)
}
