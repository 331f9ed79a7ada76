// The trough drive with choices and latencies, as a careful user of Stan would write it: the trace
// by recurrence, decays vectorised, effects of subjects not centred (or, where asked, the intercepts
// centred), kernel sampled by its crossing (whose slope into the log trough ratio is S) so that no
// equation has to be solved.
data {
  int<lower=0, upper=1> centred;        // whether the subjects' intercepts are
  int<lower=1> S;                       // subjects
  int<lower=1> M;                       // events and observations together, in order of time
  int<lower=1> N;                       // observations
  array[S + 1] int<lower=1> first;      // first of each subject in the merged order
  vector<lower=0>[M] gap;               // time since the one before, 0 for the first [s]
  array[M] int<lower=0> row;            // number of the observation, 0 for an event
  array[N] int<lower=1> subject;
  array[N] int<lower=0, upper=1> y;
  vector[N] log_latency;
  array[N] int<lower=0, upper=1> censored;
  real log_half_life_prior;
}
transformed data {
  real k = 0.1;
  int n_seen = 0;
  for (n in 1:N) n_seen += 1 - censored[n];
  array[n_seen] int seen;
  array[N - n_seen] int cut;
  {
    int a = 0;
    int b = 0;
    for (n in 1:N) {
      if (censored[n] == 0) { a += 1; seen[a] = n; }
      else { b += 1; cut[b] = n; }
    }
  }
}
parameters {
  real crossing;
  real log_half_life;
  real log_onset;
  real choice_rest;
  real latency_rest;
  real log_sigma;
  real<lower=0> choice_gain;
  real<lower=0> latency_gain;
  real<lower=0> choice_sd;
  real<lower=0> latency_sd;
  real<lower=0> peak_sd;
  vector[S] choice_z;                   // centred: the intercepts themselves
  vector[S] latency_z;
  vector[S] peak_z;
}
transformed parameters {
  real nu = exp(log_onset);
  real x_c = inv_logit(crossing);
  real slope = sqrt(square(1 + x_c) + nu * (nu + 2) * square(1 - x_c));
  real x_p = ((nu + 1) * (1 + x_c) + slope) / (2 * (nu + 2));
  real x_m = 2 * nu * x_c / ((nu + 1) * (1 + x_c) + slope);
  real log_ratio = nu * log(x_m / x_p)
                   + log((1 - x_m) * (x_c - x_m) / ((1 - x_p) * (x_p - x_c)));
  real trough_ratio = exp(log_ratio);
}
model {
  vector[N] level;
  {
    real lam = log2() / exp(log_half_life);
    real c = exp(-nu * log(x_p)) / ((1 - x_p) * (x_p - x_c));
    vector[M] d1 = exp(-lam * gap);
    vector[M] d2 = exp(-lam / nu * gap);
    for (s in 1:S) {
      real s1 = 0;
      real s2 = 0;
      real s3 = 0;
      for (m in first[s]:(first[s + 1] - 1)) {
        real q = d1[m];
        s1 *= q;
        q *= d2[m];
        s2 *= q;
        s3 *= q * d2[m];
        if (row[m] == 0) {
          s1 += 1;
          s2 += 1;
          s3 += 1;
        } else {
          level[row[m]] = c * (-x_c * s1 + (1 + x_c) * s2 - s3);
        }
      }
    }
  }
  vector[S] peak = exp(peak_sd * peak_z);
  vector[N] moved = k * (log1p_exp(-(peak[subject] .* level) / k) - log2())
                    / (k * (log1p_exp(trough_ratio / k) - log2()));
  vector[S] choice_own = centred ? choice_z : choice_rest + choice_sd * choice_z;
  vector[S] latency_own = centred ? latency_z : latency_rest + latency_sd * latency_z;
  vector[N] eta = choice_own[subject] + choice_gain * moved;
  vector[N] mu = -(latency_own[subject] + latency_gain * moved);
  real sigma = exp(log_sigma);

  log_ratio ~ normal(log(0.3), 0.7);
  target += log(slope);                 // d log_ratio / d crossing
  log_half_life ~ normal(log_half_life_prior, 0.8);
  log_onset ~ normal(log(0.1), 0.8);
  choice_rest ~ normal(0, 1.5);
  latency_rest ~ normal(0, 2);
  log_sigma ~ normal(log(0.5), 0.7);
  choice_gain ~ normal(0, 1.5);
  latency_gain ~ normal(0, 0.5);
  choice_sd ~ normal(0, 1);
  latency_sd ~ normal(0, 0.5);
  peak_sd ~ normal(0, 0.5);
  if (centred) {
    choice_z ~ normal(choice_rest, choice_sd);
    latency_z ~ normal(latency_rest, latency_sd);
  } else {
    choice_z ~ std_normal();
    latency_z ~ std_normal();
  }
  peak_z ~ std_normal();
  y ~ bernoulli_logit(eta);
  log_latency[seen] ~ normal(mu[seen], sigma);
  target += normal_lccdf(log_latency[cut] | mu[cut], sigma);
}
generated quantities {
  real recovery_half_life = exp(log_half_life);
  real onset_ratio = exp(log_onset);
  real latency_sigma = exp(log_sigma);
  vector[S] choice_group = centred ? choice_z - choice_rest : choice_sd * choice_z;
  vector[S] latency_group = centred ? latency_z - latency_rest : latency_sd * latency_z;
  vector[S] peak_group = peak_sd * peak_z;
}
