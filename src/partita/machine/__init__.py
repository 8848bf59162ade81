"""What a process is given by the machine it runs on: time, chance, wake-ups, locks on files, signs of life, threads."""
