"""The machine as a process sees it: time, chance, wake-ups, locks on files, signs of life, threads."""
