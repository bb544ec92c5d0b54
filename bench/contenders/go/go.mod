module contender

go 1.24
