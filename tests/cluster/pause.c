/*
 * The first process of a pod sandbox, and of the cluster's own process namespace:
 * reaps orphans, does nothing else, and leaves at once when asked to.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  sigset_t signals;
  int signal = 0;

  sigfillset(&signals);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  while (signal != SIGTERM && signal != SIGINT) {
    while (waitpid(-1, NULL, WNOHANG) > 0)
      ;
    sigwait(&signals, &signal);
  }
  return 0;
}
