/* The lower bound of a cold start: the system's time to run a program that does nothing. */
int main(void) { return 0; }
