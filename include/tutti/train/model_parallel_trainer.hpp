#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/dataset.hpp>
#include <tutti/concepts/layer_partition.hpp>
#include <tutti/concepts/optimizer.hpp>
#include <tutti/concepts/partition.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/pipeline/schedule.hpp>
#include <tutti/pipeline/verify.hpp>
#include <tutti/train/agreement.hpp>
#include <tutti/train/batches.hpp>
#include <tutti/train/deal.hpp>
#include <tutti/train/epoch.hpp>
#include <tutti/train/layers.hpp>
#include <tutti/train/replicas.hpp>
#include <tutti/train/reports.hpp>
#include <tutti/train/scheduled_pass.hpp>
#include <tutti/train/split_stage.hpp>
#include <tutti/train/stage.hpp>
#include <tutti/train/stage_costs.hpp>
#include <tutti/train/stage_learning.hpp>
#include <tutti/train/stage_pass.hpp>
#include <tutti/train/stage_peers.hpp>
#include <tutti/train/stage_plan.hpp>
#include <tutti/train/ties.hpp>
#include <tutti/train/together.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti {

/// Trains one model that is cut into stages of consecutive layers, one stage on each rank of a group: micro-batches of every batch
/// move through the stages, several at a time, in the order of a schedule. Built and used by all ranks alike. A rank builds only
/// its own layers. The same program on any number of stages, one included, is the same training, bit for bit: every sum is taken in
/// one order. Several copies of it train together where the last argument says so, each on its share of every batch; that is the same to
/// rounding.
/// Source: pipeline parallelism as in Huang et al. 2019, arXiv:1811.06965
template <class Comm, class Model, class Partition, class Cuts, class Schedule, class Optimizer, class Replicas = detail::one_copy>
class model_parallel_trainer : public detail::training_course {
    static_assert(communicator<Comm>,
                  "tutti: model_parallel_trainer(world, ...): world is no communicator; it needs rank(), size(), announce(), "
                  "exchange() and abort(); see tutti/concepts/communicator.hpp");
    static_assert(detail::is_layers<Model>,
                  "tutti: the second argument of model_parallel_trainer is a row of layers, each given by a "
                  "factory, and a loss: tutti::layers{[] { return dense{64, 10}; }, ..., loss{}}");
    static_assert(
        data_partition<Partition>,
        "tutti: the third argument of model_parallel_trainer is no data partition, such as tutti::partition::shuffled; see "
        "tutti/concepts/partition.hpp");
    static_assert(layer_partition<Cuts>, "tutti: the fourth argument of model_parallel_trainer does not cut layers into stages, as "
                                         "tutti::partition::layers does; see tutti/concepts/layer_partition.hpp");
    static_assert(pipeline::schedule_policy<Schedule>,
                  "tutti: the fifth argument of model_parallel_trainer is no pipeline schedule, such as "
                  "tutti::pipeline::one_forward_one_backward; see tutti/pipeline/schedule.hpp");
    static_assert(optimizer<Optimizer, float> || optimizer<Optimizer, double>,
                  "tutti: the sixth argument of model_parallel_trainer is no optimiser, such as tutti::optim::sgd; see "
                  "tutti/concepts/optimizer.hpp");
    static_assert(detail::is_replicas<Replicas>,
                  "tutti: the seventh argument of model_parallel_trainer does not say which ranks have copies of a stage: "
                  "tutti::replicas{grid.along(\"data\"), tutti::sync::all_reduce{}}");

public:
    /// Cuts the model, and builds the layers of this rank's stage. Collective.
    /// @param  world      must outlive the trainer
    /// @param  partition  orders the data; all stages work on the same samples, so it deals to copies of the model, as to ranks
    /// @param  copies     `replicas{group, policy}`: the ranks that have this stage too, and what they exchange
    /// @throws usage_error  on every rank: fewer layers than ranks, cuts or ties that do not fit or differ between ranks, gradients
    ///                      and parameters of other shapes, no parameters, settings that make no sense or differ
    /// @throws usage_error  on every rank, too, when parts of layers that are split over a group differ in their optimiser, or in
    ///                      parameters that are not split; on the ranks that work on the same part, when their cuts alone do not fit
    /// @throws what a factory throws, on the rank where it does; the others get `peer_failed`
    /// Cost:   a few small exchanges; the parameters of this rank's layers, as many gradients again, and the optimiser's state
    model_parallel_trainer(Comm& world, Model model, Partition partition, Cuts cuts, Schedule schedule, Optimizer optimizer,
                           Replicas copies = {})
        : world_{&world},
          model_{std::move(model)},
          partition_{std::move(partition)},
          plan_{std::move(schedule)},
          learning_{std::move(optimizer)},
          copies_{copies} {
        std::vector<std::size_t> at;
        everyone().together([&] { copies_.bind(); });
        everyone().together([&] {
            at = detail::checked_cuts(cuts, Model::count, world_->size());
            ties_.emplace(model_.ties(), at);
        });
        std::vector<std::size_t> tied;
        for (auto const& [first, second] : model_.ties())
            tied.insert(tied.end(), {first.layer, first.block, second.layer, second.block});
        auto const same_model = [&](auto& group) {
            detail::agree<argument>(group, "the model",
                                    {{"the number of layers", Model::count},
                                     detail::agreed::hash("the list of its cuts", detail::fingerprint(std::span{at})),
                                     detail::agreed::hash("the list of its ties", detail::fingerprint(std::span{tied}))});
        };
        everyone().agree(same_model);  // before any layer is built, so that no group is known that layers are split over
        auto const rank = static_cast<std::size_t>(world.rank());
        while_peers_wait([&] { stage_.build(model_, at[rank], at[rank + 1]); });
        everyone().agree_along_copy(same_model);  // along those groups too
        everyone().together([&] { learning_.optimizer().check(); });
        everyone().agree([&](auto& group) {
            detail::agree_on_rule<argument>(group, "the optimiser", learning_.optimizer());
        });
        everyone().together([&] { learning_.prepare(stage_); });
        everyone().together([&] { copies_.begin(stage_); });
        check_learns();
        everyone().together([&] { ties_->check(world, stage_); });
        ties_->copy_parameters(world, stage_);
        std::exception_ptr refusal;
        detail::with_split_groups(stage_, [&](auto& group) {
            detail::keep_refusal(refusal, [&] { detail::check_copies(stage_, group); });
        });
        everyone().tell_refusal(refusal);
    }

    /// Goes once through `data`, in the order of the partition, each batch in `accumulate` micro-batches. Collective.
    /// @param  data     as for data_parallel_trainer; only the ranks with the first and the last layer ask it for samples
    /// @throws usage_error  on every rank, before anything is changed: no data, batch 0, arguments that differ between ranks, ...
    /// @throws usage_error  on this rank, when the shape of an activation is not what it was for as many samples before
    /// @throws what a layer, the loss or the data set throws, on the rank where it does; the others get `peer_failed`
    /// Cost:   per step that of this rank's layers and the optimiser, the time the schedule idles, and per micro-batch an
    ///         activation and a gradient to and from each neighbour. This rank holds what `schedule.in_flight` micro-batches save.
    /// The loss that `after_step` is told of is that of this copy's samples, and known to its last rank alone; to the others, and where
    /// the copy has no samples, it is NaN.
    template <class Data>
    epoch_report run_epoch(Data&& data, epoch_options const& options = {}) {
        static_assert(detail::is_dataset<Data>());
        auto const size = static_cast<std::size_t>(std::size(data));
        everyone().agree([&](auto& group) { detail::check_epoch(group, size, options, epoch_, step_); });
        check_share(size);
        std::size_t const steps = detail::steps_of(size, options.batch);
        auto const share = partition_.share(share_of{epoch_, size, copies_.rank(), copies_.size()});
        detail::batch_maker<Model, std::remove_reference_t<Data>> batches{data};
        auto pass = make_pass<detail::batch_of<Data>>();
        epoch_report report{.epoch = epoch_};
        double loss_sum = 0;
        auto const start = clock::now();
        communicating_ = {};
        for (std::size_t step = options.first_step; step < steps; ++step) {
            std::size_t const first = step * options.batch, whole = std::min(options.batch, size - first);
            std::size_t const begin = share.before(first), mine = share.before(first + whole) - begin;
            detail::micro_batch_cuts const cuts{mine, options.accumulate};
            double loss = 0;
            if (mine != 0)
                loss = go_through(
                    pass, cuts.count(), [&](std::size_t part) { return cuts[part + 1] - cuts[part]; },
                    [&](std::size_t part, auto use) { batches.with(share, begin + cuts[part], begin + cuts[part + 1], use); });
            double const norm = update(options.clip_norm, static_cast<double>(mine) / static_cast<double>(whole));
            loss_sum += loss;
            ++report.steps, report.samples += whole;
            after_step_.tell({epoch_, step + 1, steps, whole, ends() ? loss / static_cast<double>(mine) : not_known, norm});
        }
        report.mean_loss = of_all(loss_sum) / static_cast<double>(report.samples);
        report.seconds = seconds(clock::now() - start);
        report.communicating = seconds(communicating_);
        ++epoch_;
        after_epoch_.tell(report);
        return report;
    }

    /// One optimiser step on micro-batches that the caller brings, the same on all stages, each copy of the model its own; only ranks
    /// with the first and the last layer look into them. Collective.
    /// @param  micro_batches  a range of batches, each of which knows its size, >= 1
    /// @param  clip_norm      as in `epoch_options`
    /// @throws usage_error  on every rank, when a copy has none or an empty one, or numbers differ between stages
    template <std::ranges::random_access_range MicroBatches>
    step_report step(MicroBatches const& micro_batches, double clip_norm = 0) {
        using Batch = std::remove_cvref_t<std::ranges::range_reference_t<MicroBatches const>>;
        std::vector<std::size_t> sizes;
        std::size_t whole = 0;
        for (auto const& each : micro_batches) sizes.push_back(std::size(each)), whole += sizes.back();
        everyone().agree_along_copy([&](auto& group) {
            detail::agree<detail::arguments_of::step>(
                group, "step",
                {{"the number of micro-batches", sizes.size()},
                 {"the number of samples", whole},
                 detail::agreed::hash("the list of sizes", detail::fingerprint(std::span{sizes}))});
            if (sizes.empty()) throw usage_error{"tutti: step: there is no micro-batch"};
            if (std::ranges::find(sizes, std::size_t{0}) != sizes.end())
                throw usage_error{"tutti: step: a micro-batch has no sample"};
        });
        everyone().agree([&](auto& group) {
            detail::agree<detail::arguments_of::step>(group, "step",
                                                      {{"clip_norm", clip_norm}, {"the number of steps done", step_}});
        });
        detail::check_clip_norm("step", clip_norm);
        double all[] = {static_cast<double>(whole)};
        copies_.add_up(all);
        auto pass = make_pass<Batch>();
        double const loss = go_through(
            pass, sizes.size(), [&](std::size_t part) { return sizes[part]; },
            [&](std::size_t part, auto use) { use(std::ranges::begin(micro_batches)[static_cast<std::ptrdiff_t>(part)]); });
        double const norm = update(clip_norm, static_cast<double>(whole) / all[0]);
        step_report const report{epoch_, 1, 1, static_cast<std::size_t>(all[0]), of_all(loss) / all[0], norm};
        after_step_.tell(report);
        return report;
    }

    /// The mean of a metric over `data`, each sample counted once; the same on all ranks. Collective.
    /// @param  metric  called as metric(y, batch) with what the last layer gives; returns the batch's mean, a number or a
    ///                 std::array of numbers
    /// @throws as run_epoch
    /// Cost:   one way forward; the stages work on different batches at the same time
    template <class Data, class Metric>
    auto evaluate(Data&& data, evaluate_options const& options, Metric&& metric) {
        static_assert(detail::is_dataset<Data>());
        using batch_type = detail::batch_of<Data>;
        static_assert(std::is_invocable_v<Metric&, typename pass_of<batch_type>::output&, batch_type const&>,
                      "tutti: evaluate: the metric cannot be called as metric(y, batch), with what the last layer gives and the batch it "
                      "is for, as in [](auto const& y, auto const& batch) { ... }");
        auto const size = static_cast<std::size_t>(std::size(data));
        everyone().agree([&](auto& group) { detail::check_evaluation(group, size, options); });
        auto const share = partition::strided{}.share(share_of{0, size, copies_.rank(), copies_.size()});
        detail::batch_maker<Model, std::remove_reference_t<Data>> batches{data};
        auto pass = make_pass<batch_type>();
        detail::mean_of<std::decay_t<std::invoke_result_t<Metric&, typename pass_of<batch_type>::output&, batch_type const&>>> mean;
        while_peers_wait([&] {
            for (std::size_t first = 0, last = 0; first < size; first = last) {
                last = first + std::min(options.batch, size - first);
                std::size_t const from = share.before(first), to = share.before(last);
                if (from == to) continue;
                pass.forward(
                    to - from, [&](auto use) { batches.with(share, from, to, use); },
                    [&](auto& y, batch_type const& batch) { mean.add(metric(y, batch), to - from); });
            }
        });
        if (world_->size() > 1) broadcast(*world_, mean.sums(), world_->size() - 1);
        copies_.add_up(mean.sums());
        return mean.over(size);
    }
    /// As above, in batches of the usual size.
    template <class Data, class Metric>
        requires(!std::is_convertible_v<Metric, evaluate_options const&>)
    auto evaluate(Data&& data, Metric&& metric) {
        return evaluate(data, evaluate_options{}, metric);
    }
    /// The mean of the model's own loss.
    template <class Data>
    double evaluate(Data&& data, evaluate_options const& options = {}) {
        return evaluate(data, options, [&](auto& y, auto const& batch) {
            std::remove_cvref_t<decltype(y)> gradient{};
            return static_cast<double>(model_.loss()(std::as_const(y), batch, gradient));
        });
    }

    Comm& world() { return *world_; }

    /// The layers [first_layer, last_layer) are this rank's.
    std::size_t first_layer() const { return stage_.first(); }
    std::size_t last_layer() const { return stage_.last(); }
    /// Calls `visit(layer, k)` for each layer of this rank, in order; k is its number, an integral_constant. Local.
    template <class Visit>
    void for_each_layer(Visit visit) {
        stage_.for_each(visit);
    }
    /// Layer K, or null where another rank has it. Local.
    template <std::size_t K>
    auto* layer() {
        return stage_.owns(K) ? &stage_.template layer<K>() : nullptr;
    }

    /// The optimiser's state for the layers of this rank: bytes to read, or to overwrite with those of a trainer of the same model,
    /// optimiser and cuts. Local.
    std::vector<std::span<std::byte>> state() { return learning_.state(); }

    /// What one optimiser step hands to collectives on this rank. Local. The sum of
    ///     messages  for each round of the schedule, the activation's bytes at that cut; where it goes both ways, of the larger
    ///     ties      for each tie to another rank, the bytes of its block
    ///     copies    what their policy's formula says of this stage's blocks
    /// Without shapes, which are sent once; what is compared, or summed up per epoch, in `step` and for `clip_norm`; and what layers
    /// sum up over a group that they are split over.
    /// @param  samples        of this copy of the model, dealt to `micro_batches` as `run_epoch` deals them
    /// @throws usage_error  on this rank, maybe not on others, where no micro-batch of such a size has gone through its stage yet:
    ///                      how large an activation is, is counted when there is one
    step_traffic traffic(std::size_t samples, std::size_t micro_batches = 1) {
        auto sum = copies_.traffic(detail::forms_of_stage(stage_));
        ties_->add_traffic(sum, *world_, stage_);
        with_costs("traffic", samples, micro_batches, [&](auto const& costs) { costs.add_traffic(sum); });
        return sum;
    }

    /// Bytes that this rank holds between steps, of the layers of its stage. Local.
    ///     parameters, gradients, accumulation  the bytes of its blocks, each
    ///     optimizer                            those, as often as the optimiser has numbers for each parameter
    ///     sync                                 what the copies' policy says of its blocks
    rank_memory memory() {
        auto const blocks = detail::forms_of_stage(stage_);
        std::size_t const bytes = bytes_of(blocks);
        return {.parameters = bytes,
                .gradients = bytes,
                .optimizer = bytes * static_cast<std::size_t>(learning_.optimizer().slots()),
                .sync = copies_.memory(blocks),
                .accumulation = bytes};
    }
    /// The same during a step, with
    ///     activations  an activation and a gradient at each cut of the stage, and where the model ends a gradient of the loss for
    ///                  each micro-batch in flight
    /// Without what layers save for each micro-batch in flight, what passes between layers of the stage while one goes through it,
    /// and what lives during a collective alone, such as the block of a tie that comes in.
    /// Parameters are those of `traffic`, and so are errors: on the last stage, where no step has trained on a micro-batch of such a size.
    rank_memory memory(std::size_t samples, std::size_t micro_batches = 1) {
        auto held = memory();
        with_costs("memory", samples, micro_batches, [&](auto const& costs) { held.activations = costs.memory(begins(), ends()); });
        return held;
    }

private:
    using argument = detail::arguments_of::model_parallel_trainer;
    static constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

    bool begins() const { return stage_.first() == 0; }
    bool ends() const { return stage_.last() == Model::count; }
    /// Who has to hear what this rank finds. Made where it is asked for, so that the trainer may move.
    auto everyone() { return detail::stage_peers{*world_, stage_, copies_}; }
    template <class Act>
    void while_peers_wait(Act act) {
        everyone().while_peers_wait(act);
    }

    /// Refuses a model of which no layer, on any rank, has anything to learn. Collective.
    void check_learns() {
        std::size_t counted = 0;
        for (auto const& each : detail::forms_of_stage(stage_)) counted += each.count();
        everyone().tell_copy([&](auto& group) { counted = all_reduce(group, counted); });
        if (counted == 0)
            throw usage_error{
                "tutti: model_parallel_trainer: the model has no parameters: no layer has any, or the spans that their parameters() give "
                "are empty when the trainer is built"};
    }

    /// What the ranks with the last layer bring, summed over copies.
    double of_all(double value) {
        double sum[] = {world_->size() == 1 ? value : broadcast(*world_, value, world_->size() - 1)};
        copies_.add_up(sum);
        return sum[0];
    }

    /// Every stage deals to its copy for itself, and all have to deal alike.
    void check_share(std::size_t size) {
        bool const anew = dealt_size_ != size;
        share_of const mine{epoch_, size, copies_.rank(), copies_.size()};
        std::uint64_t settings = 0;
        everyone().together([&] {
            comm::solo alone;
            if (mine.ranks == 1) detail::check_deal(alone, partition_, epoch_, size, false);
            if (anew) settings = detail::fingerprint_of_deal(partition_, mine);
        });
        if (anew)
            everyone().agree_along_copy([&](auto& group) {
                detail::agree<detail::arguments_of::run_epoch>(
                    group, everyone().is_world(group) ? "run_epoch" : "run_epoch, of layers that are split over a group",
                    {detail::agreed::hash("the list of the partition's settings (seed, ...)", settings)});
            });
        if (mine.ranks > 1)
            everyone().together([&] {
                copies_.with_group([&](auto& group) { detail::check_deal(group, partition_, epoch_, size, anew); });
            });
        dealt_size_ = size;
    }

    /// Copies may have other numbers of micro-batches, so one of them alone may find that the schedule is unsound for its own.
    pipeline::stage_schedule const& plan_for(std::size_t micro_batches) {
        pipeline::stage_schedule const* plan = nullptr;
        auto const find = [&] { plan = &plan_.of(micro_batches, world_->rank(), world_->size()); };
        if (copies_.size() == 1) find();
        else while_peers_wait(find);
        return *plan;
    }

    /// `use(costs)` of a step, unless it has no samples.
    template <class Use>
    void with_costs(std::string_view call, std::size_t samples, std::size_t micro_batches, Use use) {
        auto const sizes = detail::stage_costs::sizes(call, samples, micro_batches);
        if (sizes.empty()) return;
        auto const& plan = plan_.of(sizes.size(), world_->rank(), world_->size());
        use(detail::stage_costs{call, cuts_, plan, world_->rank(), sizes});
    }

    template <class Batch>
    using pass_of = detail::scheduled_pass<Comm, Model, Batch>;
    template <class Batch>
    pass_of<Batch> make_pass() { return {*world_, model_, stage_, cuts_, communicating_}; }

    /// Takes all micro-batches of a step through this rank's stage, as `step` of the pass does.
    template <class Pass, class Samples, class With>
    double go_through(Pass& pass, std::size_t micro_batches, Samples samples, With with) {
        auto const& plan = plan_for(micro_batches);
        double loss = 0;
        while_peers_wait([&] { loss = pass.step(plan, learning_, micro_batches, samples, with); });
        return loss;
    }

    /// Moves this rank's parameters; returns the norm of the whole model's gradient where it was asked for.
    /// @param  weight  share of the batch that this copy has worked on
    double update(double clip_norm, double weight) {
        auto const start = clock::now();
        ties_->add_gradients(*world_, stage_);
        double factor = copies_.contribute(stage_, weight), norm = 0;
        if (clip_norm > 0) {
            norm = factor * learning_.norm(*world_, stage_, *ties_);
            if (norm > clip_norm) factor *= clip_norm / norm;
        }
        communicating_ += clock::now() - start;
        while_peers_wait([&] { learning_.update(stage_, ++step_, factor); });
        copies_.publish(stage_);
        return norm;
    }

    Comm* world_;
    Model model_;
    Partition partition_;
    detail::stage_plan<Schedule> plan_;
    detail::stage<Model> stage_;
    detail::stage_learning<Model, Optimizer> learning_;
    detail::cuts_of_stage cuts_;
    std::optional<detail::bound_ties<Model>> ties_;  // from the constructor on
    detail::bound_replicas<Replicas> copies_;
    std::size_t dealt_size_ = 0;  // size of the data that the partition was last compared for
};

}  // namespace tutti
