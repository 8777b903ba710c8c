"""The daily watch: days of runs → series and their lights, signals, alarms → one record."""
