/* The floor for a cold start: what the system takes to run a program that does nothing. */
int main(void) { return 0; }
